"""What messages say: facts, words in the reader's language, letters and calendar files."""
