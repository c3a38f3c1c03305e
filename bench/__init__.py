"""`make bench`: how fast an answer is: beside other engines, through every layer, under load."""
