"""The lexical index: which items have the words of a text in their titles, brands, ids and other attributes."""
