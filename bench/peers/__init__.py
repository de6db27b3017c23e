"""The allocators that are compared, and the buffer pools of Rust."""
