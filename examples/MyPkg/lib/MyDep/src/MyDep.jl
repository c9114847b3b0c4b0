"""
    MyDep

Temperature scales. A package of its own that `MyPkg` uses by its relative path, the way a person
works on two packages at once.
"""
module MyDep

export to_celsius, to_fahrenheit

"""
    to_celsius(fahrenheit)

Convert a temperature from degrees Fahrenheit to degrees Celsius.
"""
to_celsius(fahrenheit::Real) = (fahrenheit - 32) * 5 / 9

"""
    to_fahrenheit(celsius)

Convert a temperature from degrees Celsius to degrees Fahrenheit.
"""
to_fahrenheit(celsius::Real) = celsius * 9 / 5 + 32

end
