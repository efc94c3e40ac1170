"""The neural external memory, trained: tasks, training, checkpoints and figures."""
