"""Parameter-efficient tuning through peft: what its plug-ins share. The only door to peft."""
