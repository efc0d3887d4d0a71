"""The parts of the screen. Each draws its own lines; none of them reads the network or a file."""
