"""What runs models: everything here may import MindSpore, and nothing that only edits text imports this."""
