"""The only package that knows HTTP: the app, its dependencies, problems, the API and the pages."""
