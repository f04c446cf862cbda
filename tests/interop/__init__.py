"""anymq against other libraries, other bindings, and programs not written here."""
