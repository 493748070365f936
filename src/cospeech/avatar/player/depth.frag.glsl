// Depth, or captured vertices, are all that is wanted.
void main() {}
