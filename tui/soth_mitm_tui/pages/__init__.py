"""What the screens about the run say, as entries of a page. No widget is made here."""
