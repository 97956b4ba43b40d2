//! The words the invented releases are made of: five languages, three scripts.
//!
//! No place, body, company or person here exists. Every text is the content of
//! a JSON string as it stands, so a quotation mark in it is written `\"`.

/// What a publisher of one language writes with.
pub(super) struct Language {
    /// Its ISO 639-1 code.
    pub(super) code: &'static str,
    /// Public bodies that buy.
    pub(super) buyers: [&'static str; 8],
    /// Towns.
    pub(super) places: [&'static str; 8],
    /// Streets, without a number.
    pub(super) streets: [&'static str; 8],
    /// Given names.
    pub(super) given_names: [&'static str; 8],
    /// Family names, also of firms.
    pub(super) family_names: [&'static str; 12],
    /// What a firm's name says it does.
    pub(super) trades: [&'static str; 8],
    /// Legal forms of firms.
    pub(super) forms: [&'static str; 3],
    /// What is bought.
    pub(super) subjects: [Subject; 6],
    /// Sentences of descriptions, where `{p}` is a place, `{n}` a number and
    /// `{d}` a date.
    pub(super) sentences: [&'static str; 14],
    /// Titles of the notice, the terms, the award report and the contract.
    pub(super) documents: [&'static str; 4],
}

/// Something that is bought.
pub(super) struct Subject {
    /// `goods`, `services` or `works`.
    pub(super) category: &'static str,
    /// What the tender is called.
    pub(super) title: &'static str,
    /// The price of an item's unit, in cents, by order of magnitude.
    pub(super) price: u64,
    /// CPV code, description and unit of its items.
    pub(super) items: [(&'static str, &'static str, &'static str); 4],
}

/// All languages.
pub(super) static LANGUAGES: [Language; 5] = [ENGLISH, SPANISH, FRENCH, POLISH, UKRAINIAN];

const ENGLISH: Language = Language {
    code: "en",
    buyers: [
        "Brackenford Borough Council",
        "Wexmoor and Halloway University Hospitals Trust",
        "Port Sallow Harbour Authority",
        "Tarnholme Combined Fire and Rescue Service",
        "Department for Rivers and Uplands",
        "Ashby Magna Schools Partnership",
        "Kelderwater Housing Association",
        "Royal Cartographic Office",
    ],
    places: [
        "Brackenford",
        "Wexmoor",
        "Port Sallow",
        "Tarnholme",
        "Ashby Magna",
        "Kelderwater",
        "Nether Quarley",
        "Stoke Perrin",
    ],
    streets: [
        "Old Foundry Lane",
        "Market Place",
        "Station Approach",
        "St Cuthman's Road",
        "Quay Street",
        "Mill Race Close",
        "Jubilee Way",
        "North Parade",
    ],
    given_names: [
        "Eleanor",
        "Tobias",
        "Priya",
        "Gwen",
        "Marcus",
        "Oluwaseun",
        "Hannah",
        "Rhys",
    ],
    family_names: [
        "Ashdown",
        "Penhallow",
        "Okonjo",
        "Thistlewood",
        "Carrick",
        "Ravenscroft",
        "Bhatt",
        "Quillfeather",
        "Marlowe",
        "O'Dowd",
        "Stanhope",
        "Wintersgill",
    ],
    trades: [
        "Civil Engineering",
        "Medical Supplies",
        "Facilities Management",
        "Software",
        "Catering",
        "Fleet & Plant",
        "Laboratory Instruments",
        "Landscapes",
    ],
    forms: ["Ltd", "plc", "LLP"],
    subjects: [
        Subject {
            category: "goods",
            title: "Supply of laboratory consumables and glassware",
            price: 1_200,
            items: [
                ("38437110", "Pipette tips, filtered, 200 µl, racked", "box"),
                (
                    "33793000",
                    "Borosilicate beakers with spout, 600 ml",
                    "piece",
                ),
                (
                    "33696500",
                    "Buffer solution pH 7.00 ± 0.02 at 25 °C",
                    "litre",
                ),
                (
                    "33141000",
                    "Nitrile examination gloves, powder free, size M",
                    "carton",
                ),
            ],
        },
        Subject {
            category: "goods",
            title: "Purchase of zero-emission refuse collection vehicles",
            price: 8_500_000,
            items: [
                (
                    "34144511",
                    "Rear loading vehicle, 26 t, battery of 300 kWh or more",
                    "vehicle",
                ),
                ("31158100", "Depot charger, 150 kW, two outlets", "unit"),
                (
                    "50110000",
                    "Warranty and maintenance for 84 months",
                    "month",
                ),
                (
                    "80411200",
                    "Driver familiarisation, groups of up to six",
                    "day",
                ),
            ],
        },
        Subject {
            category: "services",
            title: "Grounds maintenance of parks, verges and burial grounds",
            price: 45_000,
            items: [
                (
                    "77314100",
                    "Mowing of amenity grass, 14 cuts a year",
                    "hectare",
                ),
                (
                    "77340000",
                    "Crown lifting and deadwood removal to BS 3998",
                    "tree",
                ),
                (
                    "77312100",
                    "Treatment of Japanese knotweed, three seasons",
                    "site",
                ),
                ("90611000", "Sweeping of footways after storms", "hour"),
            ],
        },
        Subject {
            category: "services",
            title: "Managed hosting and support of the case management system",
            price: 320_000,
            items: [
                (
                    "72415000",
                    "Hosting in two regions, recovery point of 15 minutes",
                    "month",
                ),
                (
                    "72253000",
                    "Service desk, 07:00 to 19:00 on working days",
                    "month",
                ),
                ("72262000", "Changes on request, senior developer", "day"),
                (
                    "79417000",
                    "Penetration test with report and re-test",
                    "report",
                ),
            ],
        },
        Subject {
            category: "works",
            title: "Replacement of flat roofs and rooflights",
            price: 14_000,
            items: [
                (
                    "45261214",
                    "Two-layer bituminous membrane on tapered insulation",
                    "m²",
                ),
                (
                    "45261410",
                    "PIR insulation, 140 mm, U-value 0.16 W/(m²·K)",
                    "m²",
                ),
                (
                    "45421120",
                    "Polycarbonate rooflight with upstand, 1200 × 1200 mm",
                    "piece",
                ),
                ("45262120", "Scaffolding with temporary roof, hire", "week"),
            ],
        },
        Subject {
            category: "works",
            title: "Resurfacing of carriageways and renewal of kerbs",
            price: 6_400,
            items: [
                (
                    "45233222",
                    "Stone mastic asphalt, 40 mm, 10 mm aggregate",
                    "m²",
                ),
                ("45233252", "Planing to 100 mm and disposal off site", "m²"),
                ("45233221", "Thermoplastic markings, retroreflective", "m"),
                ("45232452", "Gully replacement with trapped outlet", "piece"),
            ],
        },
    ],
    sentences: [
        "The contract covers {n} sites in and around {p}; a list with access times is annexed.",
        "Work in occupied buildings is limited to school holidays and to Sundays before {d}.",
        "Tenderers inspect the premises at {p} by appointment; questions are answered until {d}.",
        "An extension of up to {n} months may be agreed if key performance indicators are met.",
        "Quality weighs {n} %, price the rest; abnormally low tenders are asked to explain themselves.",
        "The specification known as \\\"Schedule {n}\\\" prevails over drawings where the two differ.",
        "Deliveries arrive at the goods entrance in {p} between 07:30 and 11:00.",
        "Prices are fixed until {d} and then follow the index published by the statistical office.",
        "Staff employed by the outgoing contractor ({n} full-time equivalents) transfer with the service.",
        "The authority is committed to net zero and asks for a carbon reduction plan.",
        "A performance bond of {n} % is returned when the defects period ends.",
        "Variants are not accepted; consortia name a lead member with joint and several liability.",
        "Insurance: public liability of 10 million for each event, professional indemnity of {n} million.",
        "Waste is segregated and taken to the transfer station at {p}, with weighbridge tickets.",
    ],
    documents: [
        "Contract notice",
        "Terms and technical specification",
        "Evaluation report",
        "Signed contract (redacted)",
    ],
};

const SPANISH: Language = Language {
    code: "es",
    buyers: [
        "Ayuntamiento de Villaclara del Soto",
        "Hospital Comarcal Nuestra Señora de la Peñuela",
        "Consejería de Caminos y Riberas",
        "Universidad de Montealbar",
        "Mancomunidad de Aguas del Alto Berrueco",
        "Instituto de Innovación Agraria de Tierraseca",
        "Diputación de Peñarrubia",
        "Autoridad Portuaria de Cabo Añil",
    ],
    places: [
        "Villaclara del Soto",
        "Montealbar",
        "Peñarrubia de la Jara",
        "Cabo Añil",
        "Tierraseca",
        "San Íñigo del Monte",
        "Fuentelágrima",
        "Alcoraz el Nuevo",
    ],
    streets: [
        "Calle del Almendro",
        "Avenida de la Constitución",
        "Plaza del Ángel",
        "Camino de la Acequia",
        "Paseo de los Tilos",
        "Travesía del Molino",
        "Ronda de Poniente",
        "Cuesta de San Roque",
    ],
    given_names: [
        "Begoña", "Íñigo", "Lucía", "Joaquín", "Rocío", "Álvaro", "Nieves", "Julián",
    ],
    family_names: [
        "Ibáñez Peñalver",
        "Núñez",
        "Etxeberria",
        "Calderón Ruiz",
        "Muñoz Seco",
        "Aguilar",
        "Valdés",
        "Güemes",
        "Ordóñez",
        "Castañeda",
        "Pujol i Roig",
        "Quintanilla",
    ],
    trades: [
        "Construcciones y Contratas",
        "Suministros Sanitarios",
        "Ingeniería del Agua",
        "Servicios Integrales",
        "Informática",
        "Jardinería y Medio Ambiente",
        "Restauración Colectiva",
        "Electromecánica",
    ],
    forms: ["S.L.", "S.A.", "S. Coop."],
    subjects: [
        Subject {
            category: "goods",
            title: "Suministro de material de oficina y papelería",
            price: 650,
            items: [
                (
                    "30197643",
                    "Papel reciclado A4 de 80 g/m², quinientas hojas",
                    "paquete",
                ),
                (
                    "30125100",
                    "Tóner negro de alta capacidad, 12.000 páginas",
                    "unidad",
                ),
                (
                    "30192121",
                    "Bolígrafos de tinta líquida, punta de 0,5 mm",
                    "caja",
                ),
                (
                    "30199230",
                    "Sobres autoadhesivos con ventanilla, 115 × 225 mm",
                    "millar",
                ),
            ],
        },
        Subject {
            category: "goods",
            title: "Adquisición de equipos de diagnóstico por imagen",
            price: 6_200_000,
            items: [
                (
                    "33112000",
                    "Ecógrafo portátil con sonda convexa y lineal",
                    "equipo",
                ),
                (
                    "33111000",
                    "Sala de radiología digital con dos detectores",
                    "equipo",
                ),
                (
                    "48180000",
                    "Licencia de visor DICOM para puestos de consulta",
                    "licencia",
                ),
                (
                    "50421000",
                    "Mantenimiento a todo riesgo durante la garantía",
                    "mes",
                ),
            ],
        },
        Subject {
            category: "services",
            title: "Servicio de limpieza de edificios y centros educativos",
            price: 1_850,
            items: [
                (
                    "90911200",
                    "Limpieza ordinaria de aulas, despachos y aseos",
                    "hora",
                ),
                (
                    "90911300",
                    "Limpieza de cristales en altura con plataforma",
                    "jornada",
                ),
                (
                    "90921000",
                    "Desinfección, desratización y desinsectación",
                    "actuación",
                ),
                (
                    "90513000",
                    "Retirada selectiva de residuos de envases",
                    "contenedor",
                ),
            ],
        },
        Subject {
            category: "services",
            title: "Transporte escolar y acompañamiento de alumnado",
            price: 18_500,
            items: [
                (
                    "60130000",
                    "Ruta con autobús de 55 plazas, ida y vuelta",
                    "día lectivo",
                ),
                (
                    "60120000",
                    "Ruta con vehículo adaptado, hasta ocho plazas",
                    "día lectivo",
                ),
                (
                    "85311300",
                    "Acompañante con formación en primeros auxilios",
                    "hora",
                ),
                (
                    "60172000",
                    "Salidas complementarias en un radio de 100 km",
                    "servicio",
                ),
            ],
        },
        Subject {
            category: "works",
            title: "Renovación de la red de abastecimiento de agua",
            price: 9_800,
            items: [
                (
                    "45232150",
                    "Tubería de fundición dúctil DN 200, instalada y probada",
                    "m",
                ),
                (
                    "45232151",
                    "Acometida domiciliaria completa con arqueta",
                    "unidad",
                ),
                (
                    "45112000",
                    "Excavación en zanja en todo tipo de terreno",
                    "m³",
                ),
                (
                    "45233223",
                    "Reposición de firme con aglomerado AC 16 surf",
                    "m²",
                ),
            ],
        },
        Subject {
            category: "works",
            title: "Rehabilitación energética de la casa consistorial",
            price: 21_000,
            items: [
                (
                    "45443000",
                    "Fachada ventilada con lana mineral de 120 mm",
                    "m²",
                ),
                (
                    "45421100",
                    "Carpintería de madera laminada con triple vidrio",
                    "m²",
                ),
                (
                    "45331000",
                    "Bomba de calor aerotérmica, 90 kW, con inercia",
                    "unidad",
                ),
                (
                    "09331200",
                    "Módulos fotovoltaicos de 450 Wp sobre cubierta",
                    "módulo",
                ),
            ],
        },
    ],
    sentences: [
        "El contrato comprende {n} centros situados en {p} y su comarca, según el anexo II.",
        "Las ofertas se presentarán por medios electrónicos hasta las 14:00 horas del día {d}.",
        "Se celebrará una visita técnica en {p}; la asistencia se acreditará mediante certificado.",
        "El plazo de garantía será de {n} meses desde la recepción sin observaciones.",
        "La adjudicación atenderá a la mejor relación calidad-precio: {n} puntos para la oferta económica.",
        "Queda prohibida la cesión del contrato sin autorización del órgano de contratación.",
        "El adjudicatario repondrá el material defectuoso en el plazo de {n} días naturales.",
        "La partida denominada \\\"imprevistos\\\" no podrá superar el {n} % del presupuesto de ejecución.",
        "Se exige un seguro de responsabilidad civil vigente hasta el {d}.",
        "La subrogación del personal se rige por el convenio colectivo aplicable en {p}.",
        "Los precios no son revisables; no se admiten variantes ni mejoras no previstas.",
        "La financiación procede en un {n} % del mecanismo de recuperación.",
        "Las actuaciones fuera de horario laboral requerirán aviso previo de {n} horas.",
        "El lote reservado a centros especiales de empleo se ejecutará en {p}.",
    ],
    documents: [
        "Anuncio de licitación",
        "Pliego de prescripciones técnicas",
        "Acta de la mesa de contratación",
        "Documento de formalización",
    ],
};

const FRENCH: Language = Language {
    code: "fr",
    buyers: [
        "Commune de Saint-Aubry-les-Prés",
        "Communauté de communes du Haut-Vernois",
        "Centre hospitalier de Montfaucier",
        "Lycée polyvalent Éloïse-Garance",
        "Syndicat mixte des eaux de la Vireuse",
        "Office public de l’habitat de Clairvaulx",
        "Département de la Sauldraie",
        "École nationale des arts du feu",
    ],
    places: [
        "Saint-Aubry-les-Prés",
        "Montfaucier",
        "Clairvaulx-sur-Vireuse",
        "Bourg-l’Évêque-le-Vieux",
        "Nesles-en-Sauldraie",
        "Pont-Hérault",
        "La Chênaie",
        "Œuvry-le-Grand",
    ],
    streets: [
        "rue des Tanneurs",
        "avenue du Général-Brévent",
        "place de l’Église",
        "chemin du Vieux-Pressoir",
        "quai aux Fleurs",
        "impasse des Noyers",
        "boulevard de la République",
        "allée des Marronniers",
    ],
    given_names: [
        "Anaïs",
        "Benoît",
        "Chloé",
        "Fatoumata",
        "Gaël",
        "Hélène",
        "Loïc",
        "Zoé",
    ],
    family_names: [
        "Lefèvre",
        "Garçon",
        "Dubreuil-Noël",
        "Kerbrat",
        "Île-Marchand",
        "Beaupré",
        "Fauconnier",
        "Traoré",
        "Vauquelin",
        "Cœurderoy",
        "Peyrissac",
        "Schœller",
    ],
    trades: [
        "Travaux Publics",
        "Équipement Hospitalier",
        "Propreté",
        "Ingénierie",
        "Espaces Verts",
        "Restauration",
        "Génie Climatique",
        "Numérique",
    ],
    forms: ["SARL", "SAS", "SCOP"],
    subjects: [
        Subject {
            category: "goods",
            title: "Fourniture de denrées alimentaires pour la restauration scolaire",
            price: 480,
            items: [
                (
                    "15311000",
                    "Légumes surgelés issus de l’agriculture biologique",
                    "kg",
                ),
                ("15112130", "Volaille fraîche label rouge, découpée", "kg"),
                ("15811000", "Pain de campagne à la farine de meule", "kg"),
                (
                    "15551300",
                    "Yaourt nature au lait entier, pot de 125 g",
                    "carton",
                ),
            ],
        },
        Subject {
            category: "goods",
            title: "Acquisition de mobilier pour la médiathèque",
            price: 42_000,
            items: [
                (
                    "39155000",
                    "Rayonnage double face en hêtre, cinq niveaux",
                    "travée",
                ),
                (
                    "39113100",
                    "Fauteuil de lecture, revêtement lavable M2",
                    "pièce",
                ),
                (
                    "39121200",
                    "Table de travail 1600 × 800 mm avec prises",
                    "pièce",
                ),
                (
                    "39151100",
                    "Bac à albums mobile sur roulettes freinées",
                    "pièce",
                ),
            ],
        },
        Subject {
            category: "services",
            title: "Exploitation des installations de chauffage et de ventilation",
            price: 260_000,
            items: [
                (
                    "50720000",
                    "Conduite et entretien courant, prestation P2",
                    "mois",
                ),
                (
                    "50712000",
                    "Garantie totale des équipements, prestation P3",
                    "mois",
                ),
                (
                    "71314300",
                    "Suivi des consommations et bilan d’énergie",
                    "rapport",
                ),
                (
                    "50530000",
                    "Astreinte avec intervention sous deux heures",
                    "mois",
                ),
            ],
        },
        Subject {
            category: "services",
            title: "Mission de maîtrise d’œuvre pour l’aménagement du centre-bourg",
            price: 950_000,
            items: [
                (
                    "71222000",
                    "Études d’avant-projet et concertation",
                    "forfait",
                ),
                (
                    "71320000",
                    "Études de projet et dossier de consultation",
                    "forfait",
                ),
                ("71247000", "Direction de l’exécution des travaux", "mois"),
                (
                    "71351810",
                    "Levé topographique et géoréférencement des réseaux",
                    "hectare",
                ),
            ],
        },
        Subject {
            category: "works",
            title: "Construction d’un groupe scolaire à ossature bois",
            price: 31_000,
            items: [
                (
                    "45214210",
                    "Ossature bois et charpente en lamellé-collé",
                    "m²",
                ),
                (
                    "45262311",
                    "Dallage en béton bas carbone, épaisseur 18 cm",
                    "m²",
                ),
                ("45324000", "Doublage en panneaux de chanvre, 145 mm", "m²"),
                (
                    "45315300",
                    "Installation électrique, courants forts et faibles",
                    "m²",
                ),
            ],
        },
        Subject {
            category: "works",
            title: "Restauration des berges et renaturation du cours d’eau",
            price: 7_700,
            items: [
                ("45246000", "Reprofilage de berge en pente douce 3/1", "m"),
                (
                    "77211400",
                    "Abattage sélectif et débardage à cheval",
                    "jour",
                ),
                (
                    "45247230",
                    "Arasement d’un seuil et évacuation des gravats",
                    "m³",
                ),
                (
                    "77231600",
                    "Plantation d’aulnes et de saules en bouture",
                    "plant",
                ),
            ],
        },
    ],
    sentences: [
        "Le marché porte sur {n} bâtiments répartis entre {p} et les communes voisines.",
        "La remise des offres s’effectue exclusivement sur le profil d’acheteur avant le {d}.",
        "Une visite préalable à {p} est obligatoire sous peine d’irrégularité de l’offre.",
        "Le marché est reconductible {n} fois par tacite décision du pouvoir adjudicateur.",
        "La valeur technique compte pour {n} % et le prix pour le reste.",
        "Le délai global d’exécution est de {n} semaines, période de préparation comprise.",
        "Une clause sociale d’insertion réserve {n} heures à des personnes éloignées de l’emploi.",
        "L’entreprise remet le dossier des ouvrages exécutés au plus tard le {d}.",
        "Les livraisons ont lieu à {p}, du lundi au vendredi, avant dix heures.",
        "La mention \\\"ou équivalent\\\" s’applique à toutes les références de produits citées.",
        "Les prix sont révisés chaque année au {d} selon la formule du cahier des clauses.",
        "Une retenue de garantie de {n} % est prélevée sur chaque acompte.",
        "Le titulaire assure la continuité du service public en toutes circonstances.",
        "Les déchets de chantier sont triés et dirigés vers la plateforme de {p}.",
    ],
    documents: [
        "Avis d’appel public à la concurrence",
        "Cahier des clauses techniques particulières",
        "Rapport d’analyse des offres",
        "Acte d’engagement signé",
    ],
};

const POLISH: Language = Language {
    code: "pl",
    buyers: [
        "Gmina Złotowierzby",
        "Szpital Powiatowy im. św. Łucji w Brzeźnie Górnym",
        "Zarząd Dróg Powiatowych w Świerkowicach",
        "Politechnika Nadwarciańska",
        "Wodociągi Miejskie w Kłosowie sp. z o.o.",
        "Nadleśnictwo Czarna Śluza",
        "Komenda Wojewódzka Straży w Żurawinie",
        "Centrum Usług Wspólnych w Dębogórze",
    ],
    places: [
        "Złotowierzby",
        "Brzeźno Górne",
        "Świerkowice",
        "Kłosowo",
        "Żurawin",
        "Dębogóra",
        "Czarna Śluza",
        "Mała Łąka",
    ],
    streets: [
        "ul. Jaśminowa",
        "ul. Trzech Źródeł",
        "al. Lipowa",
        "pl. Wolności",
        "ul. Młyńska",
        "ul. Żeglarska",
        "ul. Świętej Łucji",
        "os. Słoneczne",
    ],
    given_names: [
        "Agnieszka",
        "Bożena",
        "Grzegorz",
        "Łukasz",
        "Małgorzata",
        "Paweł",
        "Stanisław",
        "Żaneta",
    ],
    family_names: [
        "Wróblewski",
        "Dąbkowska",
        "Kowalczyk",
        "Zięba",
        "Ścibor",
        "Łęcki",
        "Gawrońska",
        "Pawluśkiewicz",
        "Mączyński",
        "Ćwikła",
        "Borzęcki",
        "Źrebiec",
    ],
    trades: [
        "Budownictwo",
        "Instalacje Sanitarne",
        "Aparatura Medyczna",
        "Usługi Leśne",
        "Systemy Informatyczne",
        "Drogi i Mosty",
        "Zieleń Miejska",
        "Transport",
    ],
    forms: ["sp. z o.o.", "S.A.", "sp.j."],
    subjects: [
        Subject {
            category: "goods",
            title: "Dostawa energii elektrycznej i gwarancji pochodzenia",
            price: 62,
            items: [
                (
                    "09310000",
                    "Energia elektryczna, taryfa C11, obiekty oświatowe",
                    "kWh",
                ),
                (
                    "09310000",
                    "Energia elektryczna, oświetlenie uliczne",
                    "kWh",
                ),
                ("65310000", "Obsługa bilansowania handlowego", "MWh"),
                (
                    "09310000",
                    "Gwarancje pochodzenia z odnawialnych źródeł",
                    "MWh",
                ),
            ],
        },
        Subject {
            category: "goods",
            title: "Zakup średnich samochodów ratowniczo-gaśniczych",
            price: 98_000_000,
            items: [
                ("34144210", "Pojazd 4×4 ze zbiornikiem wody 3000 l", "szt."),
                (
                    "35111000",
                    "Zestaw narzędzi hydraulicznych, 72,5 MPa",
                    "kpl.",
                ),
                (
                    "35113000",
                    "Aparaty powietrzne z maską i butlą 6,8 l",
                    "kpl.",
                ),
                (
                    "80510000",
                    "Szkolenie kierowców i konserwatorów sprzętu",
                    "dzień",
                ),
            ],
        },
        Subject {
            category: "services",
            title: "Odbiór i zagospodarowanie odpadów komunalnych",
            price: 89_000,
            items: [
                (
                    "90511200",
                    "Niesegregowane odpady komunalne, kod 20 03 01",
                    "Mg",
                ),
                ("90513100", "Bioodpady z zabudowy jednorodzinnej", "Mg"),
                ("90514000", "Odzysk frakcji szkło, papier i tworzywa", "Mg"),
                (
                    "90533000",
                    "Prowadzenie punktu selektywnej zbiórki",
                    "miesiąc",
                ),
            ],
        },
        Subject {
            category: "services",
            title: "Pełnienie nadzoru inwestorskiego nad budową obwodnicy",
            price: 740_000,
            items: [
                ("71247000", "Nadzór w branży drogowej i mostowej", "miesiąc"),
                (
                    "71248000",
                    "Nadzór w branży elektroenergetycznej",
                    "miesiąc",
                ),
                (
                    "71600000",
                    "Badania kontrolne mieszanek i podłoża",
                    "badanie",
                ),
                ("71354000", "Obsługa geodezyjna i inwentaryzacja", "km"),
            ],
        },
        Subject {
            category: "works",
            title: "Przebudowa drogi powiatowej wraz z mostem",
            price: 11_500,
            items: [
                (
                    "45233140",
                    "Warstwa ścieralna z mieszanki SMA 11, 4 cm",
                    "m²",
                ),
                ("45221119", "Płyta pomostu z betonu C40/50 z kapami", "m³"),
                (
                    "45233162",
                    "Ścieżka rowerowa o nawierzchni bitumicznej",
                    "m²",
                ),
                ("45316110", "Oprawy LED na słupach stalowych, 8 m", "szt."),
            ],
        },
        Subject {
            category: "works",
            title: "Budowa kanalizacji sanitarnej i przepompowni ścieków",
            price: 27_000,
            items: [
                ("45232410", "Rurociąg grawitacyjny PVC-U DN 200, SN8", "m"),
                (
                    "45232423",
                    "Przepompownia w zbiorniku z polimerobetonu",
                    "kpl.",
                ),
                ("45111200", "Odwodnienie wykopów igłofiltrami", "m"),
                ("45233220", "Odtworzenie nawierzchni po robotach", "m²"),
            ],
        },
    ],
    sentences: [
        "Zamówienie obejmuje {n} obiektów położonych w miejscowości {p} i okolicy.",
        "Oferty składa się za pośrednictwem platformy zakupowej do dnia {d}, do godziny 10:00.",
        "Zamawiający przewiduje wizję lokalną w miejscowości {p} po uprzednim zgłoszeniu.",
        "Okres rękojmi i gwarancji wynosi co najmniej {n} miesięcy od odbioru końcowego.",
        "Kryterium ceny ma wagę {n} %, pozostałe punkty przyznaje się za termin i gwarancję.",
        "Wykonawca wniesie wadium w wysokości {n} % wartości oferty brutto.",
        "Prawo opcji dotyczy zwiększenia zakresu o nie więcej niż {n} % do dnia {d}.",
        "Nie dopuszcza się składania ofert wariantowych ani częściowych.",
        "Roboty prowadzone będą przy zachowaniu ruchu wahadłowego w ciągu drogi przez {p}.",
        "Użyte w opisie słowo \\\"równoważny\\\" odnosi się do parametrów z załącznika nr {n}.",
        "Wykonawca zatrudni na umowę o pracę co najmniej {n} osób.",
        "Rozliczenie następuje fakturami częściowymi według harmonogramu z dnia {d}.",
        "Materiały z rozbiórki należy odwieźć do bazy zamawiającego w miejscowości {p}.",
        "Zadanie jest dofinansowane w {n} % z funduszu rozwoju dróg.",
    ],
    documents: [
        "Ogłoszenie o zamówieniu",
        "Specyfikacja warunków zamówienia",
        "Protokół z wyboru oferty",
        "Umowa z załącznikami",
    ],
};

const UKRAINIAN: Language = Language {
    code: "uk",
    buyers: [
        "Вишневобродська міська рада",
        "КНП «Лікарня святої Уляни»",
        "Управління освіти Зеленогірської громади",
        "Державна служба шляхів Надслуччя",
        "Тополянський технічний університет",
        "КП «Яснопіль-водоканал»",
        "Національний парк «Сині Кручі»",
        "Департамент капітального будівництва Медоборів",
    ],
    places: [
        "Вишневобрід",
        "Зеленогірка",
        "Яснопіль",
        "Тополяни",
        "Сині Кручі",
        "Новий Слуцьк",
        "Медобори",
        "Калинів Яр",
    ],
    streets: [
        "вул. Яблунева",
        "просп. Свободи",
        "вул. Гончарна",
        "пл. Ринкова",
        "вул. Джерельна",
        "пров. Тихий",
        "вул. Кобзарська",
        "бульв. Каштановий",
    ],
    given_names: [
        "Оксана",
        "Богдан",
        "Юлія",
        "Тарас",
        "Ганна",
        "Євген",
        "Соломія",
        "Ігор",
    ],
    family_names: [
        "Ковальчук",
        "Бджілка",
        "Ґалаґан",
        "Шевчишин",
        "Їжакевич",
        "Левадний",
        "Гончаренко",
        "Зозуля",
        "Щербань",
        "Журавель",
        "Прокопів",
        "Дзвінка",
    ],
    trades: [
        "Будмонтаж",
        "Медтехніка",
        "Агропостач",
        "Енергосервіс",
        "Шляхбуд",
        "Софт",
        "Чисте місто",
        "Теплоізоляція",
    ],
    forms: ["ТОВ", "ПрАТ", "ФОП"],
    subjects: [
        Subject {
            category: "goods",
            title: "Закупівля лікарських засобів і виробів медичного призначення",
            price: 900,
            items: [
                ("33600000", "Розчин натрію хлориду 0,9 %, 500 мл", "флакон"),
                ("33141310", "Шприци одноразові, 5 мл, з голкою", "упаковка"),
                ("33141110", "Бинт марлевий стерильний 7 м × 14 см", "штука"),
                (
                    "33140000",
                    "Система для інфузій із фільтром 15 мкм",
                    "штука",
                ),
            ],
        },
        Subject {
            category: "goods",
            title: "Постачання шкільних автобусів і запасних частин",
            price: 190_000_000,
            items: [
                ("34121100", "Автобус на 28 місць із підйомником", "штука"),
                (
                    "34330000",
                    "Комплект гальмівних колодок і дисків",
                    "комплект",
                ),
                ("34351100", "Шини зимові 235/75 R17,5", "штука"),
                (
                    "50113000",
                    "Технічне обслуговування протягом гарантії",
                    "послуга",
                ),
            ],
        },
        Subject {
            category: "services",
            title: "Послуги з харчування учнів закладів освіти",
            price: 5_500,
            items: [
                (
                    "55523100",
                    "Обід із трьох страв для учнів 1–4 класів",
                    "порція",
                ),
                ("55524000", "Сніданок для груп подовженого дня", "порція"),
                ("55520000", "Дієтичне харчування без глютену", "порція"),
                ("60180000", "Доставка їжі у термоконтейнерах", "рейс"),
            ],
        },
        Subject {
            category: "services",
            title: "Експертиза кошторисів і технічний нагляд",
            price: 310_000,
            items: [
                (
                    "71319000",
                    "Експертиза кошторисної частини проєкту",
                    "об’єкт",
                ),
                (
                    "71520000",
                    "Технічний нагляд на будівельному майданчику",
                    "місяць",
                ),
                ("71356000", "Лабораторні випробування бетону", "проба"),
                (
                    "71314000",
                    "Енергетичний аудит будівлі та сертифікат",
                    "об’єкт",
                ),
            ],
        },
        Subject {
            category: "works",
            title: "Капітальний ремонт найпростішого укриття ліцею",
            price: 16_000,
            items: [
                ("45262700", "Посилення перекриття сталевими балками", "м²"),
                (
                    "45331200",
                    "Припливно-витяжна вентиляція з фільтрами",
                    "система",
                ),
                ("45320000", "Гідроізоляція стін проникаючою сумішшю", "м²"),
                (
                    "45311000",
                    "Резервне живлення та аварійне освітлення",
                    "комплект",
                ),
            ],
        },
        Subject {
            category: "works",
            title: "Термомодернізація будівлі дитячого садка",
            price: 12_400,
            items: [
                (
                    "45321000",
                    "Утеплення фасаду мінеральною ватою 150 мм",
                    "м²",
                ),
                ("45421000", "Заміна вікон на енергоощадні склопакети", "м²"),
                (
                    "45331110",
                    "Індивідуальний тепловий пункт із автоматикою",
                    "комплект",
                ),
                ("45261900", "Ремонт покрівлі з мембрани ПВХ", "м²"),
            ],
        },
    ],
    sentences: [
        "Предмет закупівлі охоплює {n} об’єктів у населеному пункті {p} та районі.",
        "Пропозиції подаються через електронну систему до 18:00 {d}.",
        "Огляд об’єкта у населеному пункті {p} відбувається за попередньою згодою.",
        "Гарантійний строк становить не менше {n} місяців від дати приймання.",
        "Вага цінового критерію — {n} %, решта припадає на строк виконання.",
        "Забезпечення пропозиції становить {n} % очікуваної вартості.",
        "Поставка здійснюється партіями за заявками до складу: {p}.",
        "Термін \\\"або еквівалент\\\" застосовується до всіх торгових назв у додатку {n}.",
        "Оплата здійснюється протягом {n} банківських днів після підписання акта.",
        "Договір діє до {d}, а щодо гарантії — до повного виконання.",
        "Учасник підтверджує досвід не менше ніж {n} аналогічними договорами.",
        "Роботи виконуються без припинення роботи закладу, у дві зміни.",
        "Фінансування здійснюється з бюджету громади та гранту ({n} %).",
        "Відходи вивозяться на полігон поблизу населеного пункту {p}.",
    ],
    documents: [
        "Оголошення про проведення торгів",
        "Тендерна документація",
        "Протокол розкриття та оцінки",
        "Договір з додатками",
    ],
};
