"""``python -m app`` is ``memory-service``."""

from app.cli import main

main()
