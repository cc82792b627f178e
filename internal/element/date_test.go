package element

import (
	"strings"
	"testing"
	"time"
)

// TestDatesInEveryWriting writes days of a century in many forms and reads them.
func TestDatesInEveryWriting(t *testing.T) {
	d, _ := Lookup("order_date")
	for day := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2070; day = day.AddDate(0, 0, 11) {
		want := day.Format(time.DateOnly)
		for layout, region := range map[string]string{"2006-01-02": "", "2006/1/2": "", "20060102": "", "2.1.2006": "US", "02/01/2006": "GB", "01/02/2006": "US", "2 Jan 2006": "", "January 2, 2006": "", "Jan 2nd 2006": "",
			time.RFC3339: "", time.RFC1123: "", "2006-01-02 15:04:05": "", "02-Jan-2006": ""} {
			raw := day.Format(layout)
			if layout == "Jan 2nd 2006" {
				raw = day.Format("Jan 2th 2006")
			}
			if r, err := Normalise(d, raw, Options{Region: region}); err != nil || r.Value != want {
				t.Fatalf("%q = %q %v, want %s", raw, r.Value, err, want)
			}
		}
	}
}

func TestDateForms(t *testing.T) {
	forms(t, Date, Options{Region: "US"}, map[string]string{"3/4/2026": "2026-03-04", "13/4/2026": "2026-04-13", "4/13/2026": "2026-04-13", "3.4.2026": "2026-04-03", "2026-02-30": "!", "2026-13-01": "!", "29.02.2023": "!",
		"29.02.2024": "2024-02-29", "1/2/26": "!", "0000-00-00": "!", "tomorrow": "!", "": "!", "2026": "!", "1767225600": "2026-01-01", "1767225600000": "2026-01-01", strings.Repeat("1", 65): "!", "1-2-3-4": "!"})
	forms(t, Date, Options{Region: "DE"}, map[string]string{"3/4/2026": "2026-04-03"})
	forms(t, Date, Options{Region: "DE", Country: "US"}, map[string]string{"3/4/2026": "2026-03-04"})
	forms(t, BirthDate, Options{Region: "US"}, map[string]string{"04/12/1985": "1985-04-12", "1985-04-12T00:00:00Z": "1985-04-12", "1899-12-31": "!", "2201-01-01": "!", "85-04-12": "!"})
	forms(t, Month, Options{}, map[string]string{"07": "7", "12": "12", "0": "!", "13": "!", "Jul": "7", "SEPT": "9", "december": "12", "Juli": "!", "ma": "!", "-1": "!", "٧": "7"})
	forms(t, Year, Options{}, map[string]string{"29": "2029", "2029": "2029", "'31": "2031", "1899": "!", "2201": "!", "20299": "!", "x": "!"})
	d, _ := Lookup("birth_date")
	if r, err := Normalise(d, "1985-04-12", Options{}); err != nil || part(t, d, r, partYear) != "1985" {
		t.Errorf("%+v %v", r, err)
	}
}

// TestTimeForms takes the examples of RFC 3339 and RFC 9110 among others.
func TestTimeForms(t *testing.T) {
	forms(t, Time, Options{}, map[string]string{
		"1985-04-12T23:20:50.52Z": "1985-04-12T23:20:50.52Z", "1996-12-19T16:39:57-08:00": "1996-12-20T00:39:57Z", "1937-01-01T12:00:27.87+00:20": "1937-01-01T11:40:27.87Z",
		"Sun, 06 Nov 1994 08:49:37 GMT": "1994-11-06T08:49:37Z", "Sunday, 06-Nov-94 08:49:37 GMT": "1994-11-06T08:49:37Z", "Sun Nov  6 08:49:37 1994": "1994-11-06T08:49:37Z",
		"2026-03-01 10:00:00": "2026-03-01T10:00:00Z", "2026-03-01 10:00:00+02:00": "2026-03-01T08:00:00Z", "2026-03-01T10:00:00+0200": "2026-03-01T08:00:00Z", "2026-03-01T10:00": "2026-03-01T10:00:00Z", "2026-03-01": "2026-03-01T00:00:00Z",
		"1772359200": "2026-03-01T10:00:00Z", "1772359200.5": "2026-03-01T10:00:00.5Z", "1772359200123": "2026-03-01T10:00:00.123Z", "1772359200123456": "2026-03-01T10:00:00.123456Z", "1772359200123456789": "2026-03-01T10:00:00.123456789Z",
		"20260301T100000Z": "2026-03-01T10:00:00Z", "Sun Mar 01 2026 10:00:00 GMT+0200 (Eastern European Time)": "2026-03-01T08:00:00Z",
		"1990-12-31T23:59:60Z": "!", "2026-03-01T25:00:00Z": "!", "now": "!", "12": "!", "99999999999999999999": "!", "": "!", "1772359200.x": "!",
	})
}

func FuzzDate(f *testing.F)      { fuzz(f, Date, "3/4/2026", "20060102", "Jan 2nd 2006", "1767225600") }
func FuzzBirthDate(f *testing.F) { fuzz(f, BirthDate, "04/12/1985") }
func FuzzTime(f *testing.F) {
	fuzz(f, Time, "1772359200.5", "Sun, 06 Nov 1994 08:49:37 GMT", "2026-03-01 10:00:00 -0700 MST", "9999-12-31T23:59:59-23:59")
}
func FuzzMonth(f *testing.F) { fuzz(f, Month, "sept", "07") }
func FuzzYear(f *testing.F)  { fuzz(f, Year, "'29") }
