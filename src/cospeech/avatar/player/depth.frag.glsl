// Shadow map: depth is all that is wanted.
void main() {}
