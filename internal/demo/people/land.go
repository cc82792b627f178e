package people

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// land is what a country lends to the people who live there.
type land struct {
	first, last []string
	mail        []string
	phone       string // country code and a mobile prefix that exists
	phoneDigits int    // that follow it
	streets     []string
	numberFirst bool // house number before the street
	towns       []town
	bins        []string
}

type town struct {
	city, region string
	code         string // postal code; # is any digit
}

func (t town) postal(r *rand.Rand) string {
	var b strings.Builder
	for _, c := range t.code {
		if c == '#' {
			b.WriteByte(byte('1' + r.IntN(9)))
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func (l land) street(name string, number int) string {
	if l.numberFirst {
		return strconv.Itoa(number) + " " + name
	}
	return name + " " + strconv.Itoa(number)
}

func lands() map[string]land {
	return map[string]land{
		"US": {
			first: []string{"Emma", "Liam", "Olivia", "Noah", "Ava", "Mason", "Grace", "Ethan", "Chloe", "Lucas", "Nora", "Henry"},
			last:  []string{"Miller", "Johnson", "Carter", "Reed", "Hughes", "Foster", "Bennett", "Coleman", "Hayes", "Brooks"},
			mail:  []string{"gmail.com", "outlook.com", "yahoo.com", "icloud.com"}, phone: "+12125", phoneDigits: 6,
			streets: []string{"Maple Avenue", "Oak Street", "Cedar Lane", "Lincoln Road", "Prospect Street", "Willow Drive"}, numberFirst: true,
			towns: []town{{"New York", "NY", "100##"}, {"Chicago", "IL", "606##"}, {"Seattle", "WA", "981##"}, {"Austin", "TX", "787##"}, {"Boston", "MA", "021##"}},
			bins:  []string{"453211", "471627", "542418", "552433"},
		},
		"DE": {
			first: []string{"Anna", "Lukas", "Lena", "Jonas", "Marie", "Felix", "Sophie", "Maximilian", "Hannah", "Paul", "Jürgen", "Käthe"},
			last:  []string{"Müller", "Schmidt", "Weber", "Wagner", "Becker", "Hoffmann", "Schäfer", "Koch", "Richter", "Vogel"},
			mail:  []string{"gmx.de", "web.de", "posteo.de", "t-online.de", "gmail.com"}, phone: "+491512", phoneDigits: 7,
			streets: []string{"Lindenstraße", "Hauptstraße", "Gartenweg", "Goethestraße", "Bahnhofstraße", "Am Markt"},
			towns:   []town{{"Berlin", "Berlin", "101##"}, {"Hamburg", "Hamburg", "200##"}, {"München", "Bayern", "803##"}, {"Köln", "Nordrhein-Westfalen", "506##"}},
			bins:    []string{"455712", "492915", "531445"},
		},
		"FR": {
			first: []string{"Camille", "Louis", "Manon", "Hugo", "Léa", "Jules", "Chloé", "Antoine", "Inès", "Mathis"},
			last:  []string{"Martin", "Bernard", "Dubois", "Laurent", "Moreau", "Girard", "Lefèvre", "Fontaine"},
			mail:  []string{"orange.fr", "free.fr", "laposte.net", "gmail.com"}, phone: "+3361", phoneDigits: 7,
			streets: []string{"rue de la République", "avenue Victor Hugo", "rue des Lilas", "boulevard Voltaire"}, numberFirst: true,
			towns: []town{{"Paris", "Île-de-France", "750#0"}, {"Lyon", "Auvergne-Rhône-Alpes", "6900#"}, {"Lille", "Hauts-de-France", "59000"}},
			bins:  []string{"497010", "513255"},
		},
		"GB": {
			first: []string{"Oliver", "Amelia", "George", "Isla", "Harry", "Poppy", "Alfie", "Freya", "Archie", "Imogen"},
			last:  []string{"Smith", "Taylor", "Davies", "Evans", "Walker", "Wright", "Thompson", "Whitfield"},
			mail:  []string{"btinternet.com", "gmail.com", "outlook.com", "sky.com"}, phone: "+447400", phoneDigits: 6,
			streets: []string{"High Street", "Church Lane", "Victoria Road", "Mill Lane", "Station Road"}, numberFirst: true,
			towns: []town{{"London", "England", "SW#A 2AB"}, {"Manchester", "England", "M# 4BT"}, {"Leeds", "England", "LS# 6DT"}, {"Bristol", "England", "BS# 5TR"}},
			bins:  []string{"465861", "475127", "545460"},
		},
		"KR": {
			first: []string{"Minjun", "Seoyeon", "Jiwoo", "Hayoon", "Dohyun", "Yuna"},
			last:  []string{"Kim", "Lee", "Park", "Choi", "Jung", "Kang"},
			mail:  []string{"naver.com", "gmail.com", "hanmail.net"}, phone: "+8210", phoneDigits: 8,
			streets: []string{"Teheran-ro", "Sejong-daero", "Gangnam-daero"},
			towns:   []town{{"Seoul", "Seoul", "061##"}, {"Busan", "Busan", "482##"}},
			bins:    []string{"457972", "524242"},
		},
		"BR": {
			first: []string{"Ana", "Pedro", "Beatriz", "Lucas", "Larissa", "João", "Rafael", "Júlia"},
			last:  []string{"Silva", "Souza", "Oliveira", "Pereira", "Costa", "Almeida"},
			mail:  []string{"uol.com.br", "gmail.com", "hotmail.com"}, phone: "+55119", phoneDigits: 8,
			streets: []string{"Rua das Flores", "Avenida Paulista", "Rua Augusta"},
			towns:   []town{{"São Paulo", "SP", "013##-000"}, {"Rio de Janeiro", "RJ", "220##-000"}},
			bins:    []string{"451416", "516292"},
		},
		"NG": {
			first: []string{"Chinedu", "Amara", "Tunde", "Ngozi", "Emeka", "Funke"},
			last:  []string{"Okafor", "Adeyemi", "Balogun", "Eze", "Ibrahim"},
			mail:  []string{"gmail.com", "yahoo.com"}, phone: "+234803", phoneDigits: 7,
			streets: []string{"Allen Avenue", "Awolowo Road", "Broad Street"}, numberFirst: true,
			towns: []town{{"Lagos", "Lagos", "1001##"}, {"Abuja", "FCT", "9001##"}},
			bins:  []string{"418742", "539983"},
		},
		"VN": {
			first: []string{"Linh", "Minh", "Huong", "Tuan", "Mai", "Khanh"},
			last:  []string{"Nguyen", "Tran", "Pham", "Hoang", "Vu"},
			mail:  []string{"gmail.com", "yahoo.com"}, phone: "+8490", phoneDigits: 7,
			streets: []string{"Nguyen Hue", "Le Loi", "Tran Hung Dao"}, numberFirst: true,
			towns: []town{{"Hanoi", "Hanoi", "1000##"}, {"Ho Chi Minh City", "Ho Chi Minh", "7000##"}},
			bins:  []string{"428310", "526418"},
		},
		"RU": {
			first: []string{"Ivan", "Olga", "Dmitri", "Elena", "Sergei", "Natalia"},
			last:  []string{"Ivanov", "Petrov", "Smirnov", "Volkov", "Kuznetsov"},
			mail:  []string{"mail.ru", "yandex.ru"}, phone: "+7916", phoneDigits: 7,
			streets: []string{"ulitsa Lenina", "Tverskaya ulitsa", "Nevsky prospekt"},
			towns:   []town{{"Moscow", "Moscow", "1010##"}, {"Saint Petersburg", "Saint Petersburg", "1910##"}},
			bins:    []string{"427655", "546925"},
		},
	}
}
