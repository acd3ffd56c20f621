"""The engines that hold the cube, behind one port."""
