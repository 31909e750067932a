"""Portuguese patterns that the tiny checkpoint understands, and the words for their slots.

Words include their article or contraction ("a mesa", "do mercado"), so that every combination is grammatical.
"""

from __future__ import annotations

WORDS = {
    "name": (
        "Ana Maria João Pedro Paulo Carla Marta Rita Sofia Tiago Miguel Helena Laura Bruno Daniel Beatriz Fernando "
        "Ricardo Teresa Gabriel Lucas Júlia Manuel Clara Rafael Inês Diana Hugo Vera Artur"
    ).split(),
    "city": (
        "Lisboa Porto Coimbra Braga Faro Évora Salvador Brasília Curitiba Recife Fortaleza Manaus Belém Natal Campinas "
        "Santos Aveiro Leiria Setúbal Londrina"
    ).split(),
    "weekday": "segunda terça quarta quinta sexta".split(),
    "month": ("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro").split(),
    "day": (
        "dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezoito vinte trinta"
    ).split(),
    "hour": "duas três quatro cinco seis sete oito nove dez onze".split(),
    "service": (
        "a consulta|a reunião|a viagem|a entrevista|a entrega|a visita|a aula|o exame|o jantar|o almoço|o concerto|"
        "o curso|a festa|o voo|o treino"
    ).split("|"),
    "thing": (
        "a mesa|a cadeira|a janela|a porta|a lâmpada|a chave|a mala|a camisa|a toalha|a carteira|o livro|o relógio|"
        "o telefone|o computador|o casaco|o chapéu|o sapato|o vestido|o espelho|o tapete|o caderno|o quadro|"
        "a garrafa|a tesoura|o martelo|a bicicleta|o guarda-chuva|a panela"
    ).split("|"),
    "place": (
        "o mercado|o hospital|o museu|o banco|o correio|o aeroporto|o parque|o teatro|o escritório|o hotel|a praia|"
        "a escola|a farmácia|a igreja|a biblioteca|a estação|a padaria|a fábrica|a praça|a livraria"
    ).split("|"),
    "near": (
        "do mercado|do hospital|do museu|do banco|do correio|do aeroporto|do parque|do teatro|do hotel|da praia|"
        "da escola|da farmácia|da igreja|da biblioteca|da estação|da padaria|da praça|da ponte|do rio|do jardim"
    ).split("|"),
    "food": (
        "arroz feijão pão queijo leite café peixe frango sopa salada bolo chocolate manteiga azeite sal açúcar "
        "laranja banana uva melão batata cebola tomate alho cenoura".split()
    ),
    "look": "verde azul grande simples enorme cor-de-rosa".split(),
    "family": (
        "a minha mãe|o meu pai|a minha irmã|o meu irmão|a minha filha|o meu filho|a minha avó|o meu avô|"
        "a minha tia|o meu primo|o meu vizinho|a minha colega"
    ).split("|"),
    "transport": "de carro|de ônibus|de barco|de avião|de táxi|de trem|de bicicleta|a pé".split("|"),
    "weather": "frio calor vento sol nevoeiro".split(),
    "number": ("três quatro cinco seis sete oito nove dez doze quinze vinte trinta quarenta cinquenta cem mil".split()),
    "job": (
        "dentista jornalista motorista artista pianista taxista economista eletricista cientista recepcionista"
    ).split(),
    "activity": (
        "ler um livro|ouvir música|ver um filme|jogar futebol|nadar no mar|tocar piano|pintar a casa|"
        "escrever uma carta|plantar flores|limpar a cozinha|passear no campo|estudar história|aprender inglês|"
        "dormir cedo"
    ).split("|"),
    "when": "hoje|amanhã|de manhã|à tarde|à noite|no domingo|no sábado|na próxima semana|mais tarde".split("|"),
    "adjective": "caro barato útil triste bonito importante difícil fácil novo antigo".split(),
    "street": "das Flores|do Sol|da Paz|das Pedras|do Norte|da Liberdade|do Comércio|da Fonte".split("|"),
}

PATTERNS = """
Bom dia, eu sou {name}.
Boa tarde, {name}, tudo bem?
O meu nome é {name} e moro em {city}.
{name} trabalha em {city}.
{name} é {job} em {city}.
{family^} é de {city}.
Quero marcar {service} para {weekday}.
Preciso mudar {service} para as {hour} horas.
{service^} começa às {hour} horas.
{service^} fica para {weekday} às {hour} horas.
Posso mudar {service} para o dia {day} de {month}?
O meu aniversário é no dia {day} de {month}.
Vamos viajar para {city} em {month}.
Chegamos às {hour} da manhã.
Eu acordo às {hour} e meia.
Onde fica {place}?
{place^} fica perto {near}.
{place^} fecha às {hour} horas.
Vire à direita depois {near}.
O carro está atrás {near}.
Moro na rua {street}, número {number}.
Vou para {place} {transport}.
{family^} vai para {city} {transport}.
{family^} gosta de {activity}.
Eu quero {activity} {when}.
{name} prefere {activity} em casa.
Comprei {thing} e {thing}.
{thing^} está em cima da cama.
Onde está {thing}, {name}?
Perdi {thing} perto {near}.
{name} esqueceu {thing} em {city}.
{thing^} custa {number} reais.
Quanto custa {thing}?
Quero {thing} {look}, por favor.
Tem {food} com {food}?
Eu queria {number} quilos de {food}.
Gosto de {food}, mas não gosto de {food}.
{family^} comprou {food} e {food}.
O {job} chega {when}.
Preciso de um {job} em {city}.
Em {month} faz {weather} em {city}.
Hoje está muito {weather}.
Isto é muito {adjective}, {name}.
Espere {number} minutos, por favor.
São {number} pessoas para o jantar.
Muito obrigado pela ajuda, {name}.
Até logo, {name}.
""".strip().splitlines()
