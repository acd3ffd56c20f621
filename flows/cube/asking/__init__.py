"""How a person's question is answered from what an engine answers."""
