"""What the registry decides: who validates and proposes, what breaking rules costs, votes."""
