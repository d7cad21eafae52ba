package records

// Micros are microseconds since the epoch of a fixed-width UTC time, by arithmetic alone: a date that no calendar has
// still has a number, the same in every verifier.
func Micros(ts string) int64 {
	if len(ts) != 27 {
		return 0
	}
	year, month, day := digits(ts[0:4]), digits(ts[5:7]), digits(ts[8:10])
	if month <= 2 {
		year, month = year-1, month+12
	}
	days := 365*year + floor(year, 4) - floor(year, 100) + floor(year, 400) + floor(153*(month-3)+2, 5) + day - 719469
	seconds := ((days*24+digits(ts[11:13]))*60+digits(ts[14:16]))*60 + digits(ts[17:19])
	return seconds*1_000_000 + digits(ts[20:26])
}

func digits(text string) int64 {
	var number int64
	for i := 0; i < len(text); i++ {
		number = number*10 + int64(text[i]-'0')
	}
	return number
}

func floor(a, b int64) int64 {
	quotient := a / b
	if a%b != 0 && a < 0 {
		quotient--
	}
	return quotient
}
