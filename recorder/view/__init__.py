"""One self-contained page that verifies a bundle in the browser and shows what is in it."""
