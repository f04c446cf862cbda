"""What is shipped: the wheel, the source archive, and how they do where nothing else is."""
