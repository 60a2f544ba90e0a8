"""How sure a study is, what its results depend on, and what choosing by them costs; arrays and tables in and out."""
