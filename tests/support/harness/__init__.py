"""What the process-level tests share: servers as child processes, and a client that speaks raw bytes."""
