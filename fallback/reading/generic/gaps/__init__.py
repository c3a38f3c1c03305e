"""What an output says that was not checked."""
