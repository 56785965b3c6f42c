"""Parameter-efficient fine-tuning: what its plug-ins share. The only unit that imports peft."""
