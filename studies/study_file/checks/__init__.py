"""The rules of a study file, one function each: a check takes what it looks at and gives the mistakes that it finds."""
