"""REPLs started by people that joined as sessions."""
