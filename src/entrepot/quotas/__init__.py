"""What an account may use: reservations while bytes stream in, and the exact sum afterwards."""
