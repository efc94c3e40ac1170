"""What customers do next, learnt by ``memory-service train interest``."""
