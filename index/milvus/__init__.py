"""A gallery whose items are in Milvus, a vector database on other machines."""
