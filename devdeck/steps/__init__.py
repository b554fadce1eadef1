"""The steps that transactions are made of, by subject; `devdeck.transactions.STEPS` lists them."""
