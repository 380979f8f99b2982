"""What the node answers: frozen values in its own units, whose JSON form `wire` defines.

Each topic has a module.

The units are in the fields' names; what stands under a field's type (`Amount`, `Hex`, `Address`)
is a plain int or bytes to whoever is inside the node.
"""
