"""The work of the owner process: open everything, rebuild, then detect, validate and append until told to end."""
