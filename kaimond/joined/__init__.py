"""REPLs that people started and that joined as sessions."""
