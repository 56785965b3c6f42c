"""From files to rows to splits, and the data doctor who looks at them."""
