"""How a loan moves from state to state in a month: the scalar steps, each once, that every launcher loops over."""
