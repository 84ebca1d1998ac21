"""A self-hosted, multi-tenant exchange for data files in which every file is a contract."""
