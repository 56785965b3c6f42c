"""Many runs under one protocol, and what they say together: a ladder of methods, seeds."""
