"""Who may do what with which file. Every query on a tenant's files starts here."""
