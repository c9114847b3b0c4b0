"""What Julia is started with: the program, its flags, variables, manifest and precompiled gate."""
