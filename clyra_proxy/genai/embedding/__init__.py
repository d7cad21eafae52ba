"""The optional second look at suspicious texts: a sentence encoder and a small trained head (`clyra[embedding]`)."""
