"""What is run under each allocator: C programs, and processes in Python."""
