"""What a study file may say, for editors and for the pages of the documentation; made from the code that reads it."""
