"""
    greet(name = "world")

Return a greeting. Change it, save the file, and call it again.
"""
greet(name = "world") = "Hello, $(name)!"
