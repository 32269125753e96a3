"""The Dockerfile language: from text to instructions; nothing here touches files or the kernel."""
