"""What a scan holds besides one photograph: its bed, borders, several prints, a negative."""
