"""The pages for whoever has a link to a file: deliver to it and see the verdict, or download it."""
