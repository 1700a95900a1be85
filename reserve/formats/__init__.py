"""How days and times are written, where Django has it otherwise; one package a language."""
